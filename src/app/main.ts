import './drydock-app.ts'
import './page.css'
